"""Models over HTTP: requests in JSON, answers in JSON."""
