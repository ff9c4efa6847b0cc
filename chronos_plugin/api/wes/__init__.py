"""GA4GH Workflow Execution Service 1.1: CWL workflows as attachments, by URL, or deployed before."""
