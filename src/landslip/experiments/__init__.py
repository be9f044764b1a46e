"""Experiments: many trainings that answer one question. What does a recipe reach elsewhere, and what is it good for?"""
