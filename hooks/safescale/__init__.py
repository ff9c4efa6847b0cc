"""SafeScale: a client for every version by server reflection, the Airflow hook, and a test double."""
