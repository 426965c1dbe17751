"""The Retell line, measured side by side with a bare server and with the approach of Retell's demo."""
