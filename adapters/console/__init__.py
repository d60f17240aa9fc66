"""The console: pages of HTML for the people who run the business."""
