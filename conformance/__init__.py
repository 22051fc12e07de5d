"""What Kubernetes promises on init containers and sidecars, and whether a cluster keeps it.

registry    what a behaviour is, and where all of them are found
pods        Pods and scenes, declared in a line a container; script has the shell words that they speak
workloads   Jobs, Deployments and their like, declared; workload_claims is what they and their Pods must show
claims      what a timeline must show, and the finding: yes, no, or no telling
needs       what a cluster must have for some behaviours, and how it is asked
deeds       what is done to Pods, declared; on_nodes has those for the nodes of a kind cluster
schedule    which scenes are on when; room says how many Pods at once, selection which behaviours at all
lab         plays scenes in the run's namespaces, those of premises; evidence gathers what they left
stage       all that is seen of a namespace; making makes what is seen there
following   takes Pods to their goal; acting does deeds as well, and awaiting, requesting, telling, entering are how
plugin      pytest: options, collecting, running, verdicts; workers for pytest-xdist, fixtures for other suites' tests
record      what a run found, as data; recording gathers it, reports/ and reporting put it into words
catalogue   the ids of all behaviours that the project knows of; unproven has those that nothing asserts
compare     what differs between runs
in_cluster  the suite in a Pod of the cluster: a shard of a Job, or a plugin of Sonobuoy; gather makes one run of all
            shards, whose reports go through logs as shards has it
test_*      one file an area: its behaviours, each with the wrong twin that its check must catch
"""
