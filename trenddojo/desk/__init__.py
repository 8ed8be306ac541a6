"""The desk on one machine: embedded servers and the processes of the Procfile.

Plain Python: nothing here imports Django, so that it can start what Django needs.
"""
