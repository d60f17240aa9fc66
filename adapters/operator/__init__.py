"""What operators reach over HTTP and over the control socket."""
