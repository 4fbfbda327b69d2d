"""`python -m serve.bench`: the service under load, beside other servers, masks compared first."""
