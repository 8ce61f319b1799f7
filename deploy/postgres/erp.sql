-- An empty database for the staging tables of accounts whose ERP_OPTIONS lead here.
CREATE DATABASE erp;
