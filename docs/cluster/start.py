"""Start a dask cluster through a queue, print its address, and keep it until Ctrl-C.

    python docs/cluster/start.py slurm --jobs 20 --cores 8 --memory 32GB --walltime 24:00:00
    python docs/cluster/start.py pbs --jobs 20 --cores 8 --memory 32GB --walltime 24:00:00

Each job of the queue is one dask worker with as many threads as cores, which are as many slots for
`bench run`. --print shows the script that would be submitted, and submits nothing.
"""

import argparse
import contextlib
import signal

from dask_jobqueue import PBSCluster, SLURMCluster

CLUSTERS = {"slurm": SLURMCluster, "pbs": PBSCluster}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("system", choices=CLUSTERS)
    parser.add_argument("--jobs", type=int, default=1, help="jobs of the queue, a worker each")
    parser.add_argument("--cores", type=int, default=1, help="cores and slots of a worker")
    parser.add_argument("--memory", default="4GB", help="memory of a worker")
    parser.add_argument("--walltime", default="24:00:00")
    parser.add_argument("--queue", help="SLURM: the partition")
    parser.add_argument("--account")
    parser.add_argument("--interface", help="network interface that workers reach, as ib0")
    parser.add_argument("--local-directory", help="folder on the node's own disk, as '$TMPDIR'")
    parser.add_argument("--line", action="append", default=[], help="shell, as 'module load cuda'")
    parser.add_argument("--print", action="store_true", help="show the job's script, start nothing")
    given = parser.parse_args()
    cluster = CLUSTERS[given.system](
        cores=given.cores,
        processes=1,
        memory=given.memory,
        walltime=given.walltime,
        queue=given.queue,
        account=given.account,
        interface=given.interface,
        local_directory=given.local_directory,
        job_script_prologue=given.line,
        # a worker that the queue ends at its wall time is not started again by its nanny
        nanny=False,
        scheduler_options={"dashboard": False, "dashboard_address": ":0"},
    )
    with cluster:
        if given.print:
            print(cluster.job_script())
            return
        cluster.scale(jobs=given.jobs)
        print(cluster.scheduler_address, flush=True)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
