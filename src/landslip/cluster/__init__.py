"""Mapping on many machines with Dask distributed (extra ``cluster``): blocks as tasks, the same bytes as on one."""

from landslip.errors import require_extra

require_extra("distributed", "cluster")
