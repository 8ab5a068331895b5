"""The life of the configuration: kept revisions, agreed on by all servers, all or nobody."""
