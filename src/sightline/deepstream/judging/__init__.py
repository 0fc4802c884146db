"""What DeepStream would make of a file: the linter, and the rules that no table can say."""
