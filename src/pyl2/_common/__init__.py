"""What every other package stands on: checks, data sets, the penalty, files, random numbers."""
