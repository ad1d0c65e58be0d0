"""What the pages of the app show, a module for each."""
