"""What people meet: the command line and the Python calls. They parse, call and show, and calculate nothing."""
