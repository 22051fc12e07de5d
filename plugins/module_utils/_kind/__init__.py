# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A genuine kind cluster on this machine: planned in pure modules, carried out in the others.

Pure: options, versions, facts, source, settings, kindconfig, recipe, lifeplan, mirrorplan.
I/O: process, probe, cache, packages, golang, engine, archive, nodeimage, mirror, suite, kubectl, cluster, way,
existing, present, gone, run.
"""
