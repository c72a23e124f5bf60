
"use strict";
(() => {
  const box = document.getElementById("filter");
  const found = document.getElementById("found");
  const lists = [...document.querySelectorAll("details.list")].map((list) => ({
    list,
    count: list.querySelector(".count"),
    opened: list.open,
    rows: [...list.querySelectorAll(":scope > ol > li, :scope > .table tbody > tr")].map((row) => ({
      row,
      text: null,
      labels: row.dataset.labels ?? "",
    })),
  }));
  let label = null; // the button that is pressed
  let waiting = 0;

  const textOf = (entry) => (entry.text ??= (entry.row.textContent + " " + entry.labels).toLowerCase());

  const show = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const picked = label && label.dataset.label;
    const asked = words.length > 0 || picked !== null;
    let all = 0;
    for (const { list, count, opened, rows } of lists) {
      let shown = 0;
      for (const entry of rows) {
        const fits =
          (picked === null || (list.contains(label) && entry.labels.split("␞").includes(picked))) &&
          words.every((word) => textOf(entry).includes(word));
        entry.row.hidden = !fits;
        shown += fits;
      }
      count.textContent = shown === rows.length ? String(rows.length) : shown + " of " + rows.length;
      list.hidden = shown === 0;
      list.open = asked ? true : opened;
      all += shown;
    }
    found.textContent = asked ? all + " shown" : "";
  };

  box.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 80);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-label]");
    const anchor = event.target.closest("nav a");
    if (button) {
      if (label) label.setAttribute("aria-pressed", "false");
      label = label === button ? null : button;
      if (label) label.setAttribute("aria-pressed", "true");
      show();
    } else if (anchor) {
      document.querySelector(anchor.getAttribute("href")).open = true;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== box) {
      event.preventDefault();
      box.focus();
    } else if (event.key === "Escape" && document.activeElement === box) {
      box.value = "";
      show();
    }
  });
  addEventListener("beforeprint", () => lists.forEach(({ list }) => (list.open = true)));
  document.querySelector(".find").hidden = false;
})();
