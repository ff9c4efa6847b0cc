"""A test double of SafeScale's service: an own description of the part of its interface that CHRONOS uses.

It is used where no cloud can be had. It speaks gRPC with server reflection as versions 21.11, 22.06 and 22.11
do, keeps its cloud in memory, and runs ``ssh`` commands for real, each host being a folder of this machine.
"""
