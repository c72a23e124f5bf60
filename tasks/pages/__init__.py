"""Self-contained HTML pages: one file, nothing loaded from anywhere, safe to open whatever tenants call their users."""

from tasks.pages.page import Fact, Page, Section, write_changes, write_page

__all__ = ["Fact", "Page", "Section", "write_changes", "write_page"]
