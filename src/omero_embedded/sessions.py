"""OMERO sessions: the model's."""

from __future__ import annotations

from .model.sessions import OmeroSession, OmeroSessions

__all__ = ["OmeroSession", "OmeroSessions"]
