"""Many runs: start them, watch them, compare them, and say how sure the result is.

Commands, each ``python -m experiments.NAME`` from the checkout; ``--help`` tells more:

- ``study``        runs every cell of a study with every seed, one process a run
- ``slurm``        the same as jobs of a SLURM cluster
- ``ray``          the same as tasks of a Ray cluster
- ``report``       statistics, tables and figures of a study
- ``status``       the runs under ``outputs/``: state, best bits/sample, age, size
- ``compare``      what differs between runs, in settings and in result
- ``check_sweep``  whether a Weights & Biases sweep would work, without a network
- ``search``       the same sweep files searched here, by Optuna

A study is a YAML file in this folder (``table``, ``stability``, ``ablation``) or anywhere else.
Nothing here computes gradients or codes audio: runs are made by ``train.py`` and measured by ``evaluate.py``.
"""

from idf.installed import need_training

need_training()
