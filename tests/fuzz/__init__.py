"""Bad inputs by the hundred: whatever a user gets wrong ends in one line, and nothing is lost.

``python -m tests.fuzz`` draws cases from a seed and runs every one as ``fidip COMMAND``
in a child process of its own. A case is named by its seed and number, and can be repeated with
``--seed S --case N``. What a case has to hold is in ``verdict``; what is thrown, in ``settings``,
``documents``, ``checkpoints``, ``onnx_files``, ``media``, ``videos`` and ``runs``.
"""
