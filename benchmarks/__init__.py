"""One file per measured claim. Each prints a table and what it compares with, all from one run."""
