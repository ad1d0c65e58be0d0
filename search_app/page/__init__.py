"""The pages that Streamlit serves: views, routes, components, address, wording, translations.

May import search and what is below it, but nothing of Dagster.
"""
