// @apigrate/autotask-restapi on the sandbox, by hand (ops/decisions/0007-node-clients-are-run-by-hand.md):
//   python -m ops.sandbox --dir /tmp/box &
//   npm install --prefix /tmp/client @apigrate/autotask-restapi
//   NODE_PATH=/tmp/client/node_modules NODE_EXTRA_CA_CERTS=<ca_file of sandbox.json> \
//     node tests/sandbox/autotask_restapi.js /tmp/box/sandbox.json
const assert = require("node:assert");
const { AutotaskRestApi } = require("@apigrate/autotask-restapi");

const facts = require(process.argv[2]).autotask;
const base_url = facts.zone_url.replace(/v1\.0\/zoneInformation$/i, "");
const filter = [{ op: "eq", field: "companyID", value: 250 }];

async function main() {
  const api = new AutotaskRestApi(facts.username, facts.secret, facts.integration_code, { base_url });

  let walked = 0;
  for (let after = 0; ; ) {
    const question = [...filter, { op: "gt", field: "id", value: after }];
    const page = await api.Contacts.query({ filter: question, MaxRecords: 100, IncludeFields: ["id"] });
    if (page.items.length === 0) break;
    walked += page.items.length;
    after = page.items.at(-1).id;
  }
  const counted = (await api.Contacts.count({ filter })).queryCount;
  assert.strictEqual(walked, counted);
  console.log("zone", api.zoneInfo.url, "walked and counted", walked);

  const ann = { companyID: 250, firstName: "Ann", lastName: "Exämple", isActive: 1 };
  const { itemId } = await api.CompanyContacts.create(250, ann);
  assert.deepStrictEqual(await api.CompanyContacts.update(250, { id: itemId, title: "Buyer" }), { itemId });
  const { item } = await api.Contacts.get(itemId);
  assert.deepStrictEqual([item.lastName, item.title, item.isActive], ["Exämple", "Buyer", 1]);
  console.log("created, updated and read", itemId);

  const lengths = Object.fromEntries((await api.Contacts.fieldInfo()).fields.map((field) => [field.name, field.length]));
  assert.deepStrictEqual([lengths.firstName, lengths.emailAddress], [50, 254]);

  await assert.rejects(api.CompanyContacts.create(250, { companyID: 250, firstName: "X", isActive: 1 }), (error) => {
    console.log("refused", error.status, error.details);
    return error.status === 500;
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
