"""What people look at: overlays and pages. Nothing here reads or writes files."""
