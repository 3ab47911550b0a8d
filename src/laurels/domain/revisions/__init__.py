"""What changes afterwards what a user has: corrections, other rules, new prices, merged accounts, migration."""
