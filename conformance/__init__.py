"""What Kubernetes promises on init containers and sidecars, and whether a cluster keeps it.

registry    what a behaviour is, and where all of them are found
pods        Pods and scenes, declared in a line a container; script has the shell words that they speak
claims      what a timeline must show, and the finding: yes, no, or no telling
needs       what a cluster must have for some behaviours, and how it is asked
lab         runs scenes in namespaces of its own; evidence gathers what they left
plugin      pytest: options, fixtures, exit codes; reporting has the words
test_*      one file an area: its behaviours, each with the wrong twin that its check must catch
"""
