"""The queue and the workers: tasks that can be cancelled, in processes that can be killed and are replaced."""
