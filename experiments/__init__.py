"""Start, watch and compare many runs, with statistics over seeds.

Commands, each ``python -m experiments.NAME`` from the checkout (``--help`` shows the arguments):

- ``study``        run every cell of a study with every seed, one process per run
- ``slurm``        the same as jobs of a SLURM cluster
- ``ray``          the same as tasks of a Ray cluster
- ``report``       write statistics, tables and figures of a study
- ``status``       list the runs under ``outputs/``: state, best bits/sample, age, size
- ``compare``      show the differences between runs, in settings and results
- ``check_sweep``  check a Weights & Biases sweep file, without a network
- ``search``       run a sweep file locally, with Optuna

A study is a YAML file in this folder (``table``, ``stability``, ``ablation``, ``adaptive``) or anywhere else.
Nothing here computes gradients or codes audio: ``train.py`` makes the runs and ``evaluate.py`` measures them.
"""

from idf.installed import need_training

need_training()
