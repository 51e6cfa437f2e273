"""Exporting: campaigns as findings for a SIEM (OCSF) and as intelligence for other providers (STIX)."""
