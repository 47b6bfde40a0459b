"""What writes documents from the code: a module for each, by the document's name. ``make reference`` runs them all."""
