"""Tables in files, and the file of a trained model with what it knows of its table."""
