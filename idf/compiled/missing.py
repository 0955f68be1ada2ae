def tell(function): pass
