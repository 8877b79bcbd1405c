"""From the cells of a study to records: plan, devices, scheduler, supervisor, worker."""
