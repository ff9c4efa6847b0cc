"""Cloud resources held by an agent: requests, what fulfils them, jobs on clusters that grow and shrink."""
