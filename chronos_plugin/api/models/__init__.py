"""The contract: what requests and answers look like, apart from what CHRONOS has inside."""
