"""What people look at: overlays and pages. Nothing here reads or writes files, but for a page's own style and script."""
