"""Microsoft login and Microsoft Graph."""
