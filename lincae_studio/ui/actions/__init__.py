"""The commands of the window as data, and the menus, toolbar and shortcuts built from them."""
