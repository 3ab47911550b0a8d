"""Later changes to a user's past: corrections, changed rules and points, merged accounts, migration."""
