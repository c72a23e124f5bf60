"""A good configuration of one customer, as a test's starting point."""

ENVIRONMENT = {
    "FLOWER_AUTH": "admin:flower-password",
    "GRAPH_SECRET": "graph-secret-value",
    "CW_PUBLIC": "public-key-value",
    "CW_PRIVATE": "private-key-value",
    "CW_CLIENT_ID": "client-id-value",
}
SECRETS = ("graph-secret-value", "private-key-value", "client-id-value", "flower-password")
TENANT = "5f0c2a5e-0b1d-4c3e-9c55-0d8f0d3f2a11"

MAIN = f"""
[service]
flower_basic_auth = {{ env = "FLOWER_AUTH" }}

[graph_app.main]
client_id = "8d2f9c1e-6b7a-4d5c-8e9f-1a2b3c4d5e6f"
client_secret = {{ env = "GRAPH_SECRET" }}

[psa.main]
kind = "connectwise"
site_url = "https://api-na.myconnectwise.net"
company = "msp"
public_key = {{ env = "CW_PUBLIC" }}
private_key = {{ env = "CW_PRIVATE" }}
client_id = {{ env = "CW_CLIENT_ID" }}

[defaults]
psa = "main"
graph_app = "main"
schedule = "0 2 * * *"
timezone = "Europe/Berlin"

[connectors.contoso]
tenant_id = "{TENANT}"
psa_default_company_id = "250"
"""
