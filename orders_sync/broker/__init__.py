"""How messages are taken from the broker: kombu's Redis transport, without its ways to lose one.

Knows kombu, redis and Celery's consumer; of ours only the errors.
"""
