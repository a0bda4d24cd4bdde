"""What people look at: overlays and pages. Nothing here reads or writes files, but for the page's style and script."""
