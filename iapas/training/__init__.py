"""Making models of one's own pictures: a large network taught to a small one."""
