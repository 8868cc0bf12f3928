"""The error report: one page with figures, charts and all errors, which filters narrow down."""
