"""Notifying: what is in force about campaigns, as alerts for the people on call, kept up to date in Alertmanager."""
