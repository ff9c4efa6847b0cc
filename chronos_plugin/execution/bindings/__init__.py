"""Which target a step runs on: the targets file, the bindings beside a workflow, and how they are weighed."""
