#!/bin/sh
# This process becomes the web server: clpcore keeps it, and pidw1 hears at once when it ends.
exec "$CLP_PATH/bin/python3" -I -S "$CLP_SCRIPT_PATH/web.py" 8080
