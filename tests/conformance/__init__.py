"""The harness by which the CWL conformance suite judges a runner."""
