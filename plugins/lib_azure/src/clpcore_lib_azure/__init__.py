"""What the Azure drivers share: the account, signing in, one session a worker, errors in words."""

from __future__ import annotations

from clpcore_lib_azure.account import Account as Account
from clpcore_lib_azure.account import validate as validate
from clpcore_lib_azure.account import validate_here as validate_here
from clpcore_lib_azure.errors import Absent as Absent
from clpcore_lib_azure.errors import Changed as Changed
from clpcore_lib_azure.errors import Conflict as Conflict
from clpcore_lib_azure.errors import Denied as Denied
from clpcore_lib_azure.errors import NotSignedIn as NotSignedIn
from clpcore_lib_azure.errors import Silent as Silent
from clpcore_lib_azure.errors import Throttled as Throttled

# The session is in clpcore_lib_azure.session, which imports the SDK: for workers and services only.
