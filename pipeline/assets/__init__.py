"""One module for each asset of the graph."""

import warnings

import dagster as dg

# Backfill policies are beta in Dagster, which it would say at every start.
warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*backfill_policy")
