"""The order desk: pages for people, made on the server, that work without scripts."""
